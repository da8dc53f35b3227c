def test_story(house):
    lead, support = house.closed()
    for path in ["/cases","/inbox","/due","/reminders","/commendations","/interviews","/notices","/history",f"/cases/{house.ids['case']}",f"/cases/{house.ids['case']}/timeline",f"/responses/{lead}",f"/responses/{lead}/deadlines/arrival/why",f"/reports/{house.ids['report']}", "/me","/policy"]:
        for who in ("command","supervision","market","admin"):
            r=house.get(who,path)
            print(who,path,r.status_code,r.text[:700 if who=='market' else 100])
    assert 0
